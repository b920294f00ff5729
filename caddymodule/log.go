package caddymodule

import (
	"errors"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
	"github.com/caddy-tpp/caddy-tpp/tokens"
)

// log is the logger of the configuration that runs now, for what outlives a
// configuration: watchers and token fetches. Caddy's default logger is no
// substitute, since a configuration may send the logs of "tpp" elsewhere.
func (s *shared) log() *zap.Logger {
	if logger := s.logger.Load(); logger != nil {
		return logger
	}
	return caddy.Log().Named("tpp")
}

// fetched is told of every call to a token endpoint.
func (s *shared) fetched(event tokens.FetchEvent) {
	s.metrics.fetched(event)
	if event.Err != nil {
		s.log().Warn("no token from the bank", zap.String("aspsp", event.ASPSP), zap.String("identity", event.Identity),
			zap.String("outcome", string(event.Outcome)), zap.Bool("renewal", event.Renewal),
			zap.Error(event.Err), zap.String("cause", causeOf(event.Err)))
	}
}

// levelOf is the level a call is logged at: debug, but for failures that are
// the sidecar's own and that somebody has to mend.
func levelOf(outcome string) zapcore.Level {
	switch sidecar.Code(outcome) {
	case sidecar.CodeInternal, sidecar.CodeSigningFailed, sidecar.CodeSecretUnreadable,
		sidecar.CodeCertificateUnusable, sidecar.CodeRewrittenAfterChecks, sidecar.CodeTokenMisconfigured, sidecar.CodeWithoutExchange,
		sidecar.CodeGrantDamaged, sidecar.CodeVaultKey, sidecar.CodeVaultUnavailable:
		return zap.ErrorLevel
	}
	return zap.DebugLevel
}

// logDone writes one line for each call. It holds no path, body, token or PSU
// value.
func logDone(log *zap.Logger, event sidecar.Event) {
	entry := log.Check(levelOf(event.Outcome), "call")
	if entry == nil {
		return
	}
	fields := []zap.Field{
		zap.String("aspsp", event.ASPSP), zap.String("identity", event.Identity), zap.String("operation", event.Operation),
		zap.String("outcome", event.Outcome), zap.Int("status", event.Status), zap.String("request_id", event.RequestID),
		zap.Bool("attended", event.Attended), zap.Int("attempts", event.Attempts), zap.Int("dropped_headers", event.Dropped),
		zap.Duration("took", event.Took),
	}
	if event.Err != nil {
		fields = append(fields, zap.String("error", causeText(event.Err)))
	}
	if cause := causeOf(event.Err); cause != "" {
		fields = append(fields, zap.String("cause", cause))
	}
	entry.Write(fields...)
}

// logVerdict writes a line for an answer of the bank that does not hold, or of
// which that is not known. The reason holds nothing of the answer.
func logVerdict(log *zap.Logger, aspsp, operation, requestID string, verdict answers.Verdict) {
	if verdict.Outcome == answers.Valid {
		return
	}
	level := zap.DebugLevel
	if verdict.Outcome == answers.Invalid {
		level = zap.WarnLevel
	}
	if entry := log.Check(level, "signature of an answer"); entry != nil {
		entry.Write(zap.String("aspsp", aspsp), zap.String("operation", operation), zap.String("request_id", requestID),
			zap.String("outcome", string(verdict.Outcome)), zap.String("reason", verdict.Reason))
	}
}

// causeOf is what led to a refusal, down to the bottom: a call without a token
// is refused because a fetch was. It is "" if the refusal's own text says it.
func causeOf(err error) string {
	refusal, ok := errors.AsType[*sidecar.Refusal](err)
	for ok && refusal.Err != nil {
		inner, deeper := errors.AsType[*sidecar.Refusal](refusal.Err)
		if !deeper || inner.Err == nil {
			break
		}
		refusal = inner
	}
	if !ok || refusal.Err == nil || refusal.Err.Error() == refusal.Detail {
		return ""
	}
	return causeText(refusal.Err)
}

// causeText is an error's own text without what net/http quotes of an answer or
// an address: both may name an account. A line that is no header is quoted
// without quotes, to the text's end.
func causeText(err error) string {
	text := err.Error()
	for _, before := range []string{"malformed HTTP", "malformed MIME header"} {
		if at := strings.Index(text, before); at >= 0 {
			text = text[:at+len(before)]
		}
	}
	return quoted.ReplaceAllLiteralString(text, "…")
}

// quoted is what %q writes, also if it is cut off.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*(?:"|\\?$)`)
