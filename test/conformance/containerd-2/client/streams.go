package main

import (
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/containerd/containerd/v2/pkg/cio"
)

// A container's output and errors, passed on. cio's own streams open their pipes in the background,
// and drop what was printed when a short container ends before that: it happens on a busy machine.
// These are open before the shim opens its ends, so nothing is lost.
type streams struct {
	fifos   *cio.FIFOSet
	ends    []*os.File
	copying sync.WaitGroup
}

func newStreams(id string) (*streams, error) {
	fifos, err := cio.NewFIFOSetInDir("", id, false)
	if err != nil {
		return nil, err
	}
	fifos.Stdin = ""
	s := &streams{fifos: fifos}
	for _, path := range []string{fifos.Stdout, fifos.Stderr} {
		if err := s.open(path); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

func (s *streams) open(path string) error {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return err
	}
	// With O_NONBLOCK the open does not wait for a writer.
	end, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		s.ends = append(s.ends, end)
	}
	return err
}

// Once the task exists the shim holds the other ends; before, a read would find the end at once.
func (s *streams) copy() {
	for i, to := range []*os.File{os.Stdout, os.Stderr} {
		from := s.ends[i]
		s.copying.Add(1)
		go func() {
			defer s.copying.Done()
			io.Copy(to, from)
		}()
	}
}

func (s *streams) Config() cio.Config { return s.fifos.Config }

// Cancel does nothing: nothing is being opened.
func (s *streams) Cancel() {}

// Wait returns when the shim has closed its ends.
func (s *streams) Wait() { s.copying.Wait() }

func (s *streams) Close() error {
	for _, end := range s.ends {
		end.Close()
	}
	return s.fifos.Close()
}
