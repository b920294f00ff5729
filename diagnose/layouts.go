package diagnose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-tpp/caddy-tpp/capture"
)

// cavageLayouts are the ways to put lines together: the right one, then what
// has been seen. names are those of the lines; extra are lines that the
// signature does not list.
func cavageLayouts(r *capture.Request, names []string, extra map[string]string) []layout {
	list := []layout{{join: plainJoin}}
	add := func(code Code, sentence string, join func([]string) string) {
		list = append(list, layout{join, finding(code, sentence)})
	}
	add(TextForm, "The signing string ended in a line end, which does not belong there.", func(l []string) string { return plainJoin(l) + "\n" })
	add(TextForm, "The lines of the signing string were joined by CRLF, not by LF.", func(l []string) string { return strings.Join(l, "\r\n") })
	add(TextForm, "The signing string ended in a line end, and its lines in CRLF.", func(l []string) string { return strings.Join(l, "\r\n") + "\r\n" })
	add(TextForm, "The lines of the signing string were joined by a space, not by LF.", func(l []string) string { return strings.Join(l, " ") })
	add(TextForm, "The lines of the signing string were joined by nothing.", func(l []string) string { return strings.Join(l, "") })
	add(TextForm, "The signing string had no space after the colons.", func(l []string) string { return each(l, ": ", ":") })
	add(TextForm, "The signing string was made of values alone, without the headers' names.", func(l []string) string { return values(l) })
	add(HeaderCapitals, "All headers were signed with the spelling they were sent in: names are in lower case in the signing string.", func(l []string) string {
		return respelt(r, l)
	})
	orders(r, names, add)
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		line := extra[name]
		for at := range len(names) + 1 {
			add(HeaderAdded, fmt.Sprintf("%s was signed too, but the signature does not list it.", name), func(l []string) string {
				if at > len(l) {
					return ""
				}
				return plainJoin(slices.Insert(slices.Clone(l), at, line))
			})
		}
	}
	return list
}

// orders adds other orders of the same lines.
func orders(r *capture.Request, names []string, add func(Code, string, func([]string) string)) {
	sorted := func(rank func(name string) int) func([]string) string {
		return func(l []string) string {
			l = slices.Clone(l)
			slices.SortStableFunc(l, func(a, b string) int { return rank(nameOf(a)) - rank(nameOf(b)) })
			return plainJoin(l)
		}
	}
	alphabet := slices.Sorted(slices.Values(names))
	add(HeaderOrder, "The headers were signed in alphabetical order, not in the order in which the signature lists them.",
		sorted(func(name string) int { return slices.Index(alphabet, name) }))
	sent := make(map[string]int)
	for i, f := range r.Fields {
		if name := strings.ToLower(f.Name); sent[name] == 0 {
			sent[name] = i + 1
		}
	}
	add(HeaderOrder, "The headers were signed in the order in which they were sent, not in that in which the signature lists them.",
		sorted(func(name string) int { return sent[name] }))
	add(HeaderOrder, "The headers were signed in the reverse of the order in which the signature lists them.", func(l []string) string {
		l = slices.Clone(l)
		slices.Reverse(l)
		return plainJoin(l)
	})
	if len(names) > 6 {
		return
	}
	permute(len(names), func(order []int) {
		order = slices.Clone(order)
		add(HeaderOrder, "The headers were signed in another order than the signature lists them in.", func(l []string) string {
			if len(l) != len(order) {
				return ""
			}
			out := make([]string, len(l))
			for i, from := range order {
				out[i] = l[from]
			}
			return plainJoin(out)
		})
	})
}

// permute calls f with every order of n things.
func permute(n int, f func([]int)) {
	order := make([]int, 0, n)
	used := make([]bool, n)
	var next func()
	next = func() {
		if len(order) == n {
			f(order)
			return
		}
		for i := range n {
			if !used[i] {
				used[i] = true
				order = append(order, i)
				next()
				order = order[:len(order)-1]
				used[i] = false
			}
		}
	}
	next()
}

func nameOf(line string) string {
	name, _, _ := strings.Cut(line, ": ")
	return name
}

func each(lines []string, old, with string) string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.Replace(l, old, with, 1)
	}
	return plainJoin(out)
}

func values(lines []string) string {
	out := make([]string, len(lines))
	for i, l := range lines {
		_, out[i], _ = strings.Cut(l, ": ")
	}
	return plainJoin(out)
}

func respelt(r *capture.Request, lines []string) string {
	out := slices.Clone(lines)
	for i, l := range lines {
		for _, f := range r.Fields {
			if name, value, ok := strings.Cut(l, ": "); ok && strings.EqualFold(f.Name, name) {
				out[i] = f.Name + ": " + value
			}
		}
	}
	return plainJoin(out)
}
