package main

import (
	"syscall"
	"testing"
	"time"
)

// Redis hangs while the bank answers, and a lock expires meanwhile: who gets the
// lock next must not keep the answer from being stored.
func TestRedisHangsWhenTheBankAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.start("a"), w.start("b")
	grant := a.expired()
	w.tokenDelay(2 * time.Second)
	first := make(chan answer, 1)
	go func() { first <- a.accounts(grant) }()
	eventually(t, "the bank is asked", func() bool { return w.refreshes(grant).Asked == 1 })
	w.redis.signal(syscall.SIGSTOP)
	time.Sleep(9 * time.Second)
	w.redis.signal(syscall.SIGCONT)
	if got := <-first; !got.ok() {
		t.Errorf("the first caller got %+v", got)
	}
	b.use(grant)
	if got := w.refreshes(grant); got.Asked != 1 {
		t.Errorf("refreshes %+v, want one", got)
	}
}
