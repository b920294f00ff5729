package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// report prints medians over the rounds, with minimum and maximum. Ratios are
// taken within a round, so that what disturbs the machine disturbs both sides.
func report(out io.Writer, s settings, rounds []round) {
	fmt.Fprintf(out, "%s/%s, %d rounds of %s a target, %d connections, %d-byte bodies\n\n",
		runtime.GOOS, runtime.GOARCH, s.rounds, s.duration, s.conns, s.body)
	fmt.Fprintf(out, "%-34s %28s %12s %34s\n", "", "CPU µs per request", "requests/s", "against plain + one raw signature")
	row := func(name, key string) {
		cpu := spread(rounds, func(r round) float64 { return micros(r.request[name]) })
		rate := spread(rounds, func(r round) float64 { return r.perSecond[name] })
		ratio := ""
		if key != "" {
			ratio = spread(rounds, func(r round) float64 {
				return micros(r.request[name]) / (micros(r.request[plainCaddy]) + micros(r.signature[key]))
			}).text("%.3f")
		}
		fmt.Fprintf(out, "%-34s %28s %12.0f %34s\n", name, cpu.text("%.0f"), rate.median, ratio)
	}
	row(plainCaddy, "")
	row("sidecar, nothing signed", unsigned)
	row("sidecar, RSA-2048", "rsa2048")
	row("sidecar, P-256", "p256")
	fmt.Fprintln(out)
	for _, key := range []string{"rsa2048", "p256"} {
		raw := spread(rounds, func(r round) float64 { return micros(r.signature[key]) })
		fmt.Fprintf(out, "%-34s %28s\n", "one raw signature, "+key, raw.text("%.1f"))
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// stat is a median with its range.
type stat struct{ median, low, high float64 }

func (s stat) text(verb string) string {
	return fmt.Sprintf(verb+" ["+verb+"-"+verb+"]", s.median, s.low, s.high)
}

func spread(rounds []round, value func(round) float64) stat {
	var values []float64
	for _, r := range rounds {
		values = append(values, value(r))
	}
	slices.Sort(values)
	return stat{values[len(values)/2], values[0], values[len(values)-1]}
}
