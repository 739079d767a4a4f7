// Runs the snapshotter suite of containerd 1.6 and 1.7 against a snapshotter behind a socket, through
// containerd's own client of proxy plugins. Like ../containerd-2/suite_test.go, which runs more.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/proxy"
	"github.com/containerd/containerd/snapshots/testsuite"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// The suite of 1.7 knows by this name that a directory of a lower layer cannot be renamed, as on every
// overlay without redirect_dir; that of 1.6 skips its case Rename whatever the name.
const suiteName = "overlayfs"

func TestDirectly(t *testing.T) {
	backend := connect(t)
	run(t, backend, func(_ context.Context, _ string) (snapshots.Snapshotter, func() error, error) {
		return backend, func() error { return nil }, nil
	})
}

type snapshotterFunc = func(context.Context, string) (snapshots.Snapshotter, func() error, error)

func connect(t *testing.T) snapshots.Snapshotter {
	socket := os.Getenv("SNAPSHOTTER_SOCKET")
	if socket == "" {
		t.Fatal("SNAPSHOTTER_SOCKET names no socket")
	}
	connection, err := grpc.Dial("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(connection), "shoal")
}

// All cases share the server: -test.parallel 1 keeps them apart, and each must leave it empty.
func run(t *testing.T, backend snapshots.Snapshotter, open snapshotterFunc) {
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
