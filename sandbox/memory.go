package sandbox

import "sync"

// memorySize bounds how many values a memory holds.
const memorySize = 1 << 16

// memory is a set that forgets its oldest members: what the bank has seen.
type memory struct {
	mu    sync.Mutex
	seen  map[string]int
	order []string
	next  int
}

func newMemory() *memory { return &memory{seen: map[string]int{}} }

// remember adds a value; false if it was there already.
func (m *memory) remember(value string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.seen[value]; ok {
		return false
	}
	if len(m.order) < memorySize {
		m.order = append(m.order, value)
		m.seen[value] = len(m.order) - 1
		return true
	}
	// The slot may belong to a value that was forgotten and came back later.
	if old := m.order[m.next]; m.seen[old] == m.next {
		delete(m.seen, old)
	}
	m.order[m.next] = value
	m.seen[value] = m.next
	m.next = (m.next + 1) % memorySize
	return true
}

// forget removes a value.
func (m *memory) forget(value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.seen, value)
}
