package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
)

// Control is the bank's control plane, plain HTTP for a loopback listener:
//
//	GET  /records        what was received, without secrets
//	GET  /stats          counters
//	GET  /faults         present faults; PUT replaces {"token":{…},"api":{…}}
//	POST /reset          as Bank.Reset
//	POST /expire-tokens  as Bank.ExpireTokens
//	GET  /rules          present Rules; PUT replaces them
//	GET  /pairs          as Bank.Pairs; ?psu= for one PSU
//	GET  /tokens/{hash}  as Bank.TokenState
//	PUT  /metadata       as Bank.SetMetadata
//	POST /rotate-keys    as Bank.RotateKeys
//	GET  /answer-keys/jwks, /answer-keys/certificates.pem,
//	     /answer-keys/authority.pem  as Bank.AnswerKeys
//	PUT  /clients        as Bank.Register
//	PUT  /payline        as Bank.RegisterPayline
//	PUT  /carat          as Bank.RegisterCarat, with public_key as PEM
//	POST /consents/age   as Bank.AgeConsents: {"psu":"","days":180}
//	POST /consents/revoke  as Bank.RevokeConsent: {"psu":"","role":""}
//	GET  /stet/psd2/oauth/authorize  the code flow, for browsers without QWAC
//	GET  /oauth2/authorize           the same at ING
//	GET  /obie/authorize             the same for Open Banking
//
// It is not protected: whoever reaches it can use it.
func (b *Bank) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /records", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, b.shownRecords()) })
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, b.Stats()) })
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, b.Faults()) })
	mux.HandleFunc("PUT /faults", taking(b.faults.replace))
	mux.HandleFunc("POST /reset", func(w http.ResponseWriter, _ *http.Request) {
		b.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /expire-tokens", func(w http.ResponseWriter, _ *http.Request) {
		b.ExpireTokens()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /rules", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, b.Rules()) })
	mux.HandleFunc("PUT /rules", taking(b.SetRules))
	mux.HandleFunc("GET /pairs", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, b.Pairs(r.URL.Query().Get("psu"))) })
	mux.HandleFunc("GET /tokens/{hash}", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, b.TokenState(r.PathValue("hash"))) })
	mux.HandleFunc("PUT /metadata", taking(b.metadataAsked))
	mux.HandleFunc("POST /rotate-keys", func(w http.ResponseWriter, _ *http.Request) {
		b.RotateKeys()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /answer-keys/jwks", func(w http.ResponseWriter, _ *http.Request) { b.shownAnswerKeys(w, nil) })
	mux.HandleFunc("GET /answer-keys/certificates.pem", func(w http.ResponseWriter, _ *http.Request) {
		b.shownAnswerKeys(w, func(k AnswerKeys) []byte { return k.Certificates })
	})
	mux.HandleFunc("GET /answer-keys/authority.pem", func(w http.ResponseWriter, _ *http.Request) {
		b.shownAnswerKeys(w, func(k AnswerKeys) []byte { return k.Authority })
	})
	mux.HandleFunc("PUT /clients", taking(b.Register))
	mux.HandleFunc("PUT /payline", taking(b.RegisterPayline))
	mux.HandleFunc("PUT /carat", taking(b.caratAsked))
	mux.HandleFunc("POST /consents/age", taking(b.ageAsked))
	mux.HandleFunc("POST /consents/revoke", taking(b.revokeAsked))
	mux.HandleFunc("GET "+stetPrefix+"oauth/authorize", b.browse)
	mux.HandleFunc("GET /oauth2/authorize", b.browse)
	mux.HandleFunc("GET /obie/authorize", b.browse)
	return mux
}

// browse is the code flow for a browser.
func (b *Bank) browse(w http.ResponseWriter, r *http.Request) {
	a, p := b.sendBack(r.URL)
	if p != nil {
		http.Error(w, p.Text, p.Status)
		return
	}
	w.Header().Set("Location", a.header.Get("Location"))
	w.WriteHeader(a.status)
}

// taking makes a handler that reads the body, strictly, and hands it on.
func taking[T any](use func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var given T
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err == nil {
			err = decodeStrict(body, &given)
		}
		if err == nil {
			err = use(given)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

type consentAge struct {
	PSU  string `json:"psu"`
	Days int    `json:"days"`
}

func (b *Bank) ageAsked(asked consentAge) error {
	b.AgeConsents(asked.PSU, asked.Days)
	return nil
}

type consentRevocation struct {
	PSU  string `json:"psu"`
	Role string `json:"role"`
}

func (b *Bank) revokeAsked(asked consentRevocation) error {
	b.RevokeConsent(asked.PSU, asked.Role)
	return nil
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", typeJSON)
	// A client that went away is no concern of the bank's.
	_ = json.NewEncoder(w).Encode(v)
}
