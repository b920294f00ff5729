package sandbox

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func FuzzParseDetached(f *testing.F) {
	f.Add(b64([]byte(`{"alg":"PS256","kid":"k","crit":["b64"],"b64":false}`)) + "..AAAA")
	f.Add(b64([]byte(`{"alg":"PS256","alg":"none"}`)) + "..AAAA")
	f.Add("x.y.z")
	f.Fuzz(func(t *testing.T, value string) {
		j, err := parseDetached(value)
		if err != nil {
			return
		}
		if j.protected+".."+b64(j.signature) != value {
			t.Fatalf("%q reads as another", value)
		}
		if j.algorithm != "" && !bytes.HasPrefix(j.input([]byte("x")), []byte(j.protected+".")) {
			t.Fatalf("%q: %q", value, j.input([]byte("x")))
		}
		for _, name := range j.critical {
			if _, there := j.members[name]; !there {
				t.Fatalf("%q: crit names %q", value, name)
			}
		}
	})
}

func FuzzParseMessageSignature(f *testing.F) {
	f.Add(`sig1=("@method" "@target-uri" "content-digest");created=1618884473;keyid="k";alg="ed25519"`, "sig1=:AAAA:")
	f.Add(`a=();created=1;nonce="\"\\"`, "a=:AA==:")
	f.Add(`a=("date";sf), b;x=?0`, `a="x"`)
	f.Fuzz(func(t *testing.T, input, signature string) {
		m, err := parseMessageSignature(input, signature)
		if err != nil {
			return
		}
		// What was read is written in the one form, which reads the same.
		again, err := parseMessageSignature(m.label+"="+m.input, signature)
		if err != nil || again.input != m.input || !slices.Equal(again.covered, m.covered) || again.keyID != m.keyID || !again.created.Equal(m.created) {
			t.Fatalf("%q: %+v, again %+v, %v", input, m, again, err)
		}
	})
}

func FuzzParseDictionary(f *testing.F) {
	f.Add("sha-256=:AAAA:, sha-512=:AAAA:")
	f.Add(`a=1;b="c";d, e=*tok/en, f=("x" y;z);g=?0`)
	f.Fuzz(func(t *testing.T, value string) {
		members, err := parseDictionary(value)
		if err != nil {
			return
		}
		var parts []string
		for _, m := range members {
			text, err := m.writeInner()
			if !m.inner {
				var params string
				text, err = m.item.write()
				if params, _ = writeParameters(m.params); err == nil {
					text += params
				}
			}
			if err != nil {
				t.Fatalf("%q cannot be written: %v", value, err)
			}
			parts = append(parts, m.name+"="+text)
		}
		again, err := parseDictionary(strings.Join(parts, ", "))
		if err != nil || len(again) != len(members) {
			t.Fatalf("%q became %q: %v", value, parts, err)
		}
	})
}

func FuzzContentDigest(f *testing.F) {
	f.Add("sha-256=:AAAA:", []byte("x"))
	f.Fuzz(func(t *testing.T, value string, body []byte) {
		if checkContentDigest(value, body) == nil && checkContentDigest(value, append([]byte("x"), body...)) == nil {
			t.Fatalf("%q fits two bodies", value)
		}
	})
}

func FuzzJSONObject(f *testing.F) {
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Add([]byte(`{"a":{"b":[1.50,null]}} `))
	f.Fuzz(func(t *testing.T, text []byte) {
		members, err := jsonObject(text)
		if err != nil {
			return
		}
		if members == nil || !sameJSON(text, text) {
			t.Fatalf("%q is no value", text)
		}
	})
}

func FuzzSigD(f *testing.F) {
	f.Add([]byte(`{"pars":["digest"],"mId":"http://uri.etsi.org/19182/HttpHeaders"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if d, err := readSigD(raw); err == nil && (len(d.Pars) == 0 || slices.Contains(d.Pars, "")) {
			t.Fatalf("%q: %+v", raw, d)
		}
		// Anything may come as x5c; it must not panic.
		_, _ = (&call{rec: &Record{}}).chainSeal(raw)
	})
}
