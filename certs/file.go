package certs

import (
	"io"
	"io/fs"
	"os"
)

// maxFileSize bounds what is read of a certificate or key file, in bytes. A chain
// of certificates takes a few kilobytes.
const maxFileSize = 1 << 20

// readFile reads a regular file, and never waits for what is none: opening a
// named pipe lasts until somebody writes to it, and whoever reads the files
// holds up reloads and the end of a configuration. So it looks before it opens,
// since opening a device can have effects of its own.
func readFile(at location) ([]byte, error) {
	info, err := os.Stat(at.file)
	if err != nil {
		return nil, at.unreadable(err)
	}
	if err := at.readable(info); err != nil {
		return nil, err
	}
	return readOpened(at)
}

// readOpened judges the file once more when it is open: it may be another one
// than the one looked at.
func readOpened(at location) ([]byte, error) {
	f, err := os.OpenFile(at.file, os.O_RDONLY|openWithoutWaiting, 0)
	if err != nil {
		return nil, at.unreadable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, at.unreadable(err)
	}
	if err := at.readable(info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, at.unreadable(err)
	}
	if len(data) > maxFileSize {
		return nil, at.tooLarge() // it has grown
	}
	return data, nil
}

// readable refuses what is no regular file, or too large for a certificate.
func (l location) readable(info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return l.fail(ErrLoad, "is "+describeMode(info.Mode())+" and no regular file", "name the PEM file, or put it there", nil)
	case info.Size() > maxFileSize:
		return l.tooLarge()
	}
	return nil
}

func (l location) tooLarge() error {
	return l.fail(ErrFormat, "is larger than 1 MiB, which no certificate or key is", "name the PEM file", nil)
}

func describeMode(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}
