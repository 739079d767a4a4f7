package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/rootfs"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"
)

// Makes an image: the layers of the container's image and, as one more, what the container wrote.
func commit(ctx context.Context, engine *containerd.Client, id, name string) error {
	ctx, done, err := engine.WithLease(ctx)
	if err != nil {
		return err
	}
	defer done(ctx)
	container, err := engine.LoadContainer(ctx, id)
	if err != nil {
		return err
	}
	info, err := container.Info(ctx)
	if err != nil {
		return err
	}
	image, err := container.Image(ctx)
	if err != nil {
		return err
	}
	snapshotter := engine.SnapshotService(info.Snapshotter)
	layer, err := rootfs.CreateDiff(ctx, info.SnapshotKey, snapshotter, engine.DiffService())
	if err != nil {
		return err
	}
	target, err := describe(ctx, engine.ContentStore(), image, layer)
	if err != nil {
		return err
	}
	_, err = engine.ImageService().Create(ctx, images.Image{Name: name, Target: target})
	return err
}

// Writes configuration and manifest with one layer more.
func describe(ctx context.Context, store content.Store, image containerd.Image, layer v1.Descriptor) (v1.Descriptor, error) {
	manifest, err := images.Manifest(ctx, store, image.Target(), image.Platform())
	if err != nil {
		return v1.Descriptor{}, err
	}
	encoded, err := content.ReadBlob(ctx, store, manifest.Config)
	if err != nil {
		return v1.Descriptor{}, err
	}
	var config v1.Image
	if err := json.Unmarshal(encoded, &config); err != nil {
		return v1.Descriptor{}, err
	}
	diffID, err := images.GetDiffID(ctx, store, layer)
	if err != nil {
		return v1.Descriptor{}, err
	}
	config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
	config.History = append(config.History, v1.History{CreatedBy: "commit"})
	if manifest.Config, err = write(ctx, store, manifest.Config.MediaType, config, nil); err != nil {
		return v1.Descriptor{}, err
	}
	manifest.Layers = append(manifest.Layers, layer)
	labels := map[string]string{"containerd.io/gc.ref.content.config": manifest.Config.Digest.String()}
	for index, layer := range manifest.Layers {
		labels[fmt.Sprintf("containerd.io/gc.ref.content.l.%d", index)] = layer.Digest.String()
	}
	return write(ctx, store, manifest.MediaType, manifest, labels)
}

func write(ctx context.Context, store content.Store, mediaType string, value any, labels map[string]string) (v1.Descriptor, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return v1.Descriptor{}, err
	}
	descriptor := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(encoded), Size: int64(len(encoded))}
	reference := "commit-" + descriptor.Digest.String()
	return descriptor, content.WriteBlob(ctx, store, reference, bytes.NewReader(encoded), descriptor, content.WithLabels(labels))
}
