package e2e

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// relay is the network between sidecars and bank: it can be slow, and what is
// under way when a sidecar dies may be lost or may arrive.
type relay struct {
	listener net.Listener
	bank     string
	slow     atomic.Int64 // the longest delay of a piece, in nanoseconds
	conns    sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
}

func newRelay(t testing.TB, bank string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	r := &relay{listener: listener, bank: bank, open: make(map[net.Conn]bool)}
	r.conns.Go(r.accept)
	t.Cleanup(func() {
		listener.Close()
		r.mu.Lock()
		for conn := range r.open {
			conn.Close()
		}
		r.open = nil
		r.mu.Unlock()
		r.conns.Wait()
	})
	return r
}

func (r *relay) url() string { return "https://" + r.listener.Addr().String() }

// delays makes each piece of data take up to that long.
func (r *relay) delays(most time.Duration) { r.slow.Store(int64(most)) }

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.bank)
		if err != nil {
			client.Close()
			continue
		}
		if !r.keep(client, server) {
			return
		}
		gone := make(chan struct{})
		var both sync.WaitGroup
		both.Go(func() { r.carry(server, client, gone, true) })
		both.Go(func() { r.carry(client, server, gone, false) })
		r.conns.Go(func() {
			both.Wait()
			r.drop(client, server)
		})
	}
}

func (r *relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range conns {
		if r.open == nil {
			conn.Close()
			continue
		}
		r.open[conn] = true
	}
	return r.open != nil
}

func (r *relay) drop(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
		delete(r.open, conn)
	}
}

// carry moves data one way. The client's end closes gone.
func (r *relay) carry(to, from net.Conn, gone chan struct{}, fromClient bool) {
	pieces := make(chan []byte, 64)
	go func() {
		defer close(pieces)
		for {
			piece := make([]byte, 16<<10)
			n, err := from.Read(piece)
			if n > 0 {
				pieces <- piece[:n]
			}
			if err != nil {
				if fromClient && !errors.Is(err, net.ErrClosed) {
					close(gone)
				}
				return
			}
		}
	}()
	for piece := range pieces {
		if r.lost(gone) {
			break
		}
		if _, err := to.Write(piece); err != nil {
			break
		}
	}
	to.Close()
	from.Close() // ends the reader
	for range pieces {
	}
}

// lost waits as long as a piece takes, and reports whether it is lost with the
// client that went meanwhile.
func (r *relay) lost(gone chan struct{}) bool {
	most := r.slow.Load()
	if most <= 0 {
		return false
	}
	timer := time.NewTimer(time.Duration(rand.Int64N(most)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-gone:
		return rand.IntN(2) == 0
	}
}
