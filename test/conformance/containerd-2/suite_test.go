// Runs the snapshotter suite of containerd 2.x against a snapshotter behind a socket, through
// containerd's own client of proxy plugins: directly, and below containerd's metadata store.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/proxy"
	"github.com/containerd/containerd/v2/core/snapshots/testsuite"
	bolt "go.etcd.io/bbolt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// The suite knows by this name that a directory of a lower layer cannot be renamed (EXDEV), as on
// every overlay without redirect_dir, and leaves that step out of its case Rename.
const suiteName = "overlayfs"

func TestDirectly(t *testing.T) {
	backend := connect(t)
	run(t, backend, func(_ context.Context, _ string) (snapshots.Snapshotter, func() error, error) {
		return backend, func() error { return nil }, nil
	})
}

// As containerd calls it: names and labels are those of the store, and its garbage collection removes.
func TestBelowMetadata(t *testing.T) {
	backend := connect(t)
	run(t, backend, func(ctx context.Context, root string) (snapshots.Snapshotter, func() error, error) {
		file, err := bolt.Open(filepath.Join(root, "metadata.db"), 0o600, nil)
		if err != nil {
			return nil, nil, err
		}
		store := metadata.NewDB(file, nil, map[string]snapshots.Snapshotter{"shoal": backend})
		if err := store.Init(ctx); err != nil {
			return nil, nil, err
		}
		snapshotter := store.Snapshotter("shoal")
		return snapshotter, func() error {
			err := removeAll(ctx, snapshotter)
			_, collectError := store.GarbageCollect(ctx)
			return errors.Join(err, collectError, file.Close())
		}, nil
	})
}

func connect(t *testing.T) snapshots.Snapshotter {
	socket := os.Getenv("SNAPSHOTTER_SOCKET")
	if socket == "" {
		t.Fatal("SNAPSHOTTER_SOCKET names no socket")
	}
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(connection), "shoal")
}

// All cases share the server: -test.parallel 1 keeps them apart, and each must leave it empty.
func run(t *testing.T, backend snapshots.Snapshotter, open testsuite.SnapshotterFunc) {
	testsuite.SnapshotterSuite(t, suiteName, func(ctx context.Context, root string) (snapshots.Snapshotter, func() error, error) {
		snapshotter, closeIt, err := open(ctx, root)
		if err != nil {
			return nil, nil, err
		}
		return snapshotter, func() error {
			err := errors.Join(closeIt(), removeAll(ctx, backend))
			if left, walkError := parentsFirst(ctx, backend); len(left) > 0 || walkError != nil {
				err = errors.Join(err, walkError, fmt.Errorf("the server keeps %q", left))
			}
			return err
		}, nil
	})
}

func parentsFirst(ctx context.Context, snapshotter snapshots.Snapshotter) ([]string, error) {
	children := map[string][]string{}
	err := snapshotter.Walk(ctx, func(_ context.Context, info snapshots.Info) error {
		children[info.Parent] = append(children[info.Parent], info.Name)
		return nil
	})
	names := children[""]
	for index := 0; index < len(names); index++ {
		names = append(names, children[names[index]]...)
	}
	return names, err
}

func removeAll(ctx context.Context, snapshotter snapshots.Snapshotter) error {
	names, err := parentsFirst(ctx, snapshotter)
	for index := len(names) - 1; index >= 0 && err == nil; index-- {
		err = snapshotter.Remove(ctx, names[index])
	}
	if cleaner, ok := snapshotter.(snapshots.Cleaner); ok && err == nil {
		err = cleaner.Cleanup(ctx)
	}
	return err
}
