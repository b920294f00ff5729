package caddymodule

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-tpp/caddy-tpp/grants"
)

// eventPrefix precedes the kind in the names of Caddy events.
const eventPrefix = "tpp_grant_"

// told are the kinds that become a Caddy event, since somebody outside has to
// do something: the app, an operator or an auditor.
var told = map[grants.EventKind]bool{
	grants.EventConsentExpiring: true, grants.EventConsentExpired: true, grants.EventQuarantined: true,
	grants.EventRefused: true, grants.EventRevoked: true, grants.EventHealed: true,
	grants.EventUnsaved: true, grants.EventUnsavedLost: true, grants.EventDamaged: true, grants.EventIDTokenInvalid: true,
}

// grantEvent counts and logs what happens to grants, and hands it on as a
// Caddy event where somebody may wait for it.
func (a *App) grantEvent(event grants.Event) {
	a.shared.metrics.grant(event)
	logGrant(a.logger, event)
	if told[event.Kind] {
		a.tell(event)
	}
}

// levelOfGrant is the level that an event is logged at: what somebody has to
// look into is an error, what the app will be told anyway a warning.
func levelOfGrant(event grants.Event) zapcore.Level {
	switch event.Kind {
	case grants.EventUnsaved, grants.EventUnsavedLost, grants.EventDamaged, grants.EventStorageUnavailable, grants.EventIDTokenInvalid:
		return zap.ErrorLevel
	case grants.EventQuarantined, grants.EventRefused, grants.EventRefreshFailed, grants.EventExchangeFailed,
		grants.EventConsentExpiring, grants.EventConsentExpired:
		return zap.WarnLevel
	case grants.EventRefreshed:
		return zap.DebugLevel
	}
	return zap.InfoLevel
}

// logGrant writes a line that names the grant by its fingerprint: the name is
// the app's, and may say who the PSU is.
func logGrant(log *zap.Logger, event grants.Event) {
	entry := log.Check(levelOfGrant(event), "grant "+string(event.Kind))
	if entry == nil {
		return
	}
	fields := []zap.Field{zap.String("aspsp", event.ASPSP), zap.String("grant", event.Fingerprint)}
	if event.Reason != "" {
		fields = append(fields, zap.String("reason", event.Reason))
	}
	if event.Kind == grants.EventConsentExpiring {
		fields = append(fields, zap.Int("days", event.Days))
	}
	if event.Duration > 0 {
		fields = append(fields, zap.Duration("took", event.Duration))
	}
	if event.Background {
		fields = append(fields, zap.Bool("background", true))
	}
	if event.Err != nil {
		fields = append(fields, zap.String("error", causeText(event.Err)))
		if cause := causeOf(event.Err); cause != "" {
			fields = append(fields, zap.String("cause", cause))
		}
	}
	entry.Write(fields...)
}

// shownToHandlers is a grant's name in an event: handlers get it, Caddy's own
// debug log of events does not.
type shownToHandlers string

// String implements fmt.Stringer, which placeholders use.
func (s shownToHandlers) String() string { return string(s) }

// MarshalText implements encoding.TextMarshaler, which logs use.
func (shownToHandlers) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

const (
	// eventQueue bounds the events that wait for a slow handler.
	eventQueue = 1024
	// eventPatience bounds how long the end of a configuration waits for them.
	eventPatience = 5 * time.Second
)

// messenger hands events to Caddy's event handlers, one after the other and
// beside the calls: a handler may run a program.
type messenger struct {
	queue       chan grants.Event
	stop, ended chan struct{}
}

// startMessenger makes the messenger of a configuration.
func (a *App) startMessenger(ctx caddy.Context) error {
	if a.Vault == nil {
		return nil
	}
	module, err := ctx.App("events")
	if err != nil {
		return err
	}
	events := module.(*caddyevents.App)
	m := &messenger{queue: make(chan grants.Event, eventQueue), stop: make(chan struct{}), ended: make(chan struct{})}
	a.messenger = m
	go m.run(func(event grants.Event) {
		events.Emit(ctx, eventPrefix+string(event.Kind), map[string]any{
			"aspsp": event.ASPSP, "grant": shownToHandlers(event.Name), "fingerprint": event.Fingerprint,
			"reason": event.Reason, "days": event.Days,
		})
	})
	a.release = append(a.release, m.end)
	return nil
}

// run hands on what is queued, until it is told to stop and nothing waits.
func (m *messenger) run(emit func(grants.Event)) {
	defer close(m.ended)
	for {
		select {
		case event := <-m.queue:
			emit(event)
			continue
		default:
		}
		select {
		case event := <-m.queue:
			emit(event)
		case <-m.stop:
			return
		}
	}
}

// end lets what is waiting be handed on, and waits a while for it.
func (m *messenger) end() {
	close(m.stop)
	select {
	case <-m.ended:
	case <-time.After(eventPatience):
	}
}

// tell queues an event. Nothing that happens to a grant waits for a handler.
func (a *App) tell(event grants.Event) {
	select {
	case a.messenger.queue <- event:
	default:
		a.logger.Error("an event about a grant was not handed on, for its handlers are too slow",
			zap.String("aspsp", event.ASPSP), zap.String("grant", event.Fingerprint), zap.String("kind", string(event.Kind)))
	}
}
