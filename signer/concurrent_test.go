package signer

import (
	"sync"
	"testing"
	"time"
)

// Goroutines share the header of a second, and the second ends under way.
func TestContainersConcurrently(t *testing.T) {
	for name, text := range map[string]string{
		"headers": `{"container":"http-headers-jws","signed":["(request-target)","digest?","psu-*"]}`,
		"body":    `{"container":"jws","jws":{"members":{"iat":"{unix_time}"},"critical":["iat"]}}`,
		"jwt":     `{"container":"jwt","jws":{"claims":{"jti":"{uuid}","iat":"{unix_time}"}}}`,
	} {
		spec, cred := parseSpec(t, text), testCredentials(t, "p256")
		s := mustCompile(t, spec, cred)
		var wait sync.WaitGroup
		for worker := range 8 {
			wait.Go(func() {
				for i := range 30 {
					msg := containerMessageOf(s)
					if worker%2 == 0 {
						delete(msg.Header, "PSU-IP-Address") // another list of headers
					}
					if err := s.Sign(msg, testTime.Add(time.Duration(i)*200*time.Millisecond)); err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
					if err := Verify(cred.Key.Public(), spec, msg); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
		}
		wait.Wait()
	}
}
