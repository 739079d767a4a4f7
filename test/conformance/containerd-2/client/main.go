// Pulls an image as CRI and nerdctl do, with the annotations by which a snapshotter knows image and
// layers, and runs containers of it with the network of the host. The times it took go to stderr.
//
// Usage: client [-address SOCKET] [-snapshotter NAME] [-plain-http] [-user NAME:PASSWORD] pull IMAGE
// client [...] run IMAGE CONTAINER [ARGUMENT...]
// client [-address SOCKET] commit CONTAINER IMAGE
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/containerd/containerd/v2/pkg/snapshotters"
	"github.com/opencontainers/runtime-spec/specs-go"
)

var (
	address     = flag.String("address", os.Getenv("CONTAINERD_ADDRESS"), "socket of containerd")
	snapshotter = flag.String("snapshotter", "shoal", "name of the snapshotter")
	plainHTTP   = flag.Bool("plain-http", false, "registry without TLS")
	user        = flag.String("user", "", "credentials for the registry, NAME:PASSWORD")
)

func main() {
	flag.Parse()
	code, err := run(namespaces.WithNamespace(context.Background(), "default"), flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		code = 125
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string) (int, error) {
	engine, err := containerd.New(*address)
	if err != nil {
		return 0, err
	}
	defer engine.Close()
	switch {
	case len(args) == 2 && args[0] == "pull":
		return 0, pull(ctx, engine, args[1])
	case len(args) >= 3 && args[0] == "run":
		return start(ctx, engine, args[1], args[2], args[3:])
	case len(args) == 3 && args[0] == "commit":
		return 0, commit(ctx, engine, args[1], args[2])
	}
	return 0, fmt.Errorf("expected pull IMAGE, run IMAGE CONTAINER [ARGUMENT...] or commit CONTAINER IMAGE, not %q", args)
}

func pull(ctx context.Context, engine *containerd.Client, name string) error {
	started := time.Now()
	resolver := docker.NewResolver(docker.ResolverOptions{
		Hosts: docker.ConfigureDefaultRegistries(
			docker.WithPlainHTTP(func(string) (bool, error) { return *plainHTTP, nil }),
			docker.WithAuthorizer(docker.NewDockerAuthorizer(docker.WithAuthCreds(credentials))),
		),
	})
	_, err := engine.Pull(ctx, name,
		containerd.WithPullUnpack,
		containerd.WithPullSnapshotter(*snapshotter),
		containerd.WithResolver(resolver),
		containerd.WithImageHandlerWrapper(snapshotters.AppendInfoHandlerWrapper(name)))
	tellTime("pull", started)
	return err
}

func credentials(string) (string, string, error) {
	name, password, _ := strings.Cut(*user, ":")
	return name, password, nil
}

// Runs a container to its end and removes it; its exit code is the result.
func start(ctx context.Context, engine *containerd.Client, name, id string, args []string) (int, error) {
	started := time.Now()
	image, err := engine.GetImage(ctx, name)
	if err != nil {
		return 0, err
	}
	container, err := engine.NewContainer(ctx, id,
		containerd.WithImage(image),
		containerd.WithSnapshotter(*snapshotter),
		containerd.WithNewSnapshot(id, image),
		containerd.WithNewSpec(
			oci.WithImageConfigArgs(image, args),
			oci.WithHostNamespace(specs.NetworkNamespace)))
	if err != nil {
		return 0, err
	}
	defer container.Delete(ctx, containerd.WithSnapshotCleanup)
	output, err := newStreams(id)
	if err != nil {
		return 0, err
	}
	task, err := container.NewTask(ctx, func(string) (cio.IO, error) { return output, nil })
	if err != nil {
		output.Close()
		return 0, err
	}
	output.copy()
	defer task.Delete(ctx, containerd.WithProcessKill)
	ended, err := task.Wait(ctx)
	if err != nil {
		return 0, err
	}
	tellTime("create", started)
	if err := task.Start(ctx); err != nil {
		return 0, err
	}
	tellTime("start", started)
	status := <-ended
	tellTime("end", started)
	return int(status.ExitCode()), status.Error()
}

func tellTime(what string, since time.Time) {
	fmt.Fprintf(os.Stderr, "client: %s %d ms\n", what, time.Since(since).Milliseconds())
}
