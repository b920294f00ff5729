package main

import (
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// proxyCPU is the CPU that the proxies, one at a time, and the raw signatures
// have for themselves: two CPUs of a machine are not equally fast at all times.
const proxyCPU = 0

// leaveCPU moves all threads of this process, load generator and bank, off one
// CPU, which is the proxies' own. On a machine with a single one it does nothing.
func leaveCPU(cpu int) error {
	var rest unix.CPUSet
	if err := unix.SchedGetaffinity(0, &rest); err != nil {
		return err
	}
	if rest.Clear(cpu); rest.Count() == 0 {
		return nil
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &rest); err != nil {
			return err
		}
	}
	return nil
}

// onCPU calls f on a thread that may only run on one CPU.
func onCPU(cpu int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, only unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	only.Set(cpu)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return err
	}
	defer func() { _ = unix.SchedSetaffinity(0, &before) }()
	return f()
}

// cpu returns the CPU time that the proxy's process has used, all threads.
func (t *target) cpu() (time.Duration, error) {
	// The clock of another process's CPU time: clock_getcpuclockid(3).
	clock := int32(^t.cmd.Process.Pid<<3 | 2)
	var now unix.Timespec
	err := unix.ClockGettime(clock, &now)
	return time.Duration(now.Nano()), err
}
