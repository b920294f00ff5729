package tokens

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseTokenResponse(t *testing.T) {
	const bearer = `"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer"`
	tests := map[string]struct {
		body     string
		lifetime time.Duration // 0: not to be kept
		refused  bool
	}{
		"RFC 6749":              {body: `{` + bearer + `,"expires_in":3600,"refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","example_parameter":"example_value"}`, lifetime: time.Hour},
		"no expires_in":         {body: `{` + bearer + `}`, lifetime: 5 * time.Minute},
		"null expires_in":       {body: `{` + bearer + `,"expires_in":null}`, lifetime: 5 * time.Minute},
		"string expires_in":     {body: `{` + bearer + `,"expires_in":"905"}`, lifetime: 905 * time.Second},
		"padded string":         {body: `{` + bearer + `,"expires_in":" 905 "}`, lifetime: 905 * time.Second},
		"fraction":              {body: `{` + bearer + `,"expires_in":0.5}`, lifetime: 500 * time.Millisecond},
		"float":                 {body: `{` + bearer + `,"expires_in":3599.0}`, lifetime: 3599 * time.Second},
		"exponent":              {body: `{` + bearer + `,"expires_in":3.6e3}`, lifetime: time.Hour},
		"zero":                  {body: `{` + bearer + `,"expires_in":0}`},
		"negative":              {body: `{` + bearer + `,"expires_in":-60}`},
		"negative infinity":     {body: `{` + bearer + `,"expires_in":-1e999}`},
		"a year":                {body: `{` + bearer + `,"expires_in":31536000}`, lifetime: 24 * time.Hour},
		"milliseconds":          {body: `{` + bearer + `,"expires_in":1e9}`, lifetime: 24 * time.Hour},
		"beyond int64":          {body: `{` + bearer + `,"expires_in":99999999999999999999}`, lifetime: 24 * time.Hour},
		"beyond float64":        {body: `{` + bearer + `,"expires_in":1e999}`, lifetime: 24 * time.Hour},
		"infinity in words":     {body: `{` + bearer + `,"expires_in":"Infinity"}`, lifetime: 24 * time.Hour},
		"not a number":          {body: `{` + bearer + `,"expires_in":"NaN"}`, lifetime: 5 * time.Minute},
		"words":                 {body: `{` + bearer + `,"expires_in":"one hour"}`, lifetime: 5 * time.Minute},
		"empty expires_in":      {body: `{` + bearer + `,"expires_in":""}`, lifetime: 5 * time.Minute},
		"object expires_in":     {body: `{` + bearer + `,"expires_in":{}}`, lifetime: 5 * time.Minute},
		"lower-case type":       {body: `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"bearer","expires_in":60}`, lifetime: time.Minute},
		"no type":               {body: `{"access_token":"2YotnFZFEjr1zCsicMWpAA","expires_in":60}`, lifetime: time.Minute},
		"null type":             {body: `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":null,"expires_in":60}`, lifetime: time.Minute},
		"empty type":            {body: `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"","expires_in":60}`, lifetime: time.Minute},
		"last duplicate counts": {body: `{"access_token":"first","access_token":"2YotnFZFEjr1zCsicMWpAA","expires_in":1,"expires_in":60}`, lifetime: time.Minute},
		"white space":           {body: "\r\n {" + bearer + "} \n", lifetime: 5 * time.Minute},

		"copied example type": {body: `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"example","expires_in":3600}`, refused: true},
		"mac type":            {body: `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"mac"}`, refused: true},
		"number type":         {body: `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":1}`, refused: true},
		"no token":            {body: `{"token_type":"Bearer"}`, refused: true},
		"empty token":         {body: `{"access_token":""}`, refused: true},
		"null token":          {body: `{"access_token":null}`, refused: true},
		"number token":        {body: `{"access_token":12}`, refused: true},
		"other case":          {body: `{"Access_Token":"2YotnFZFEjr1zCsicMWpAA"}`, refused: true},
		"space in token":      {body: `{"access_token":"2Yotn FZFEjr1"}`, refused: true},
		"line break in token": {body: `{"access_token":"2Yotn\r\nX-Injected: 1"}`, refused: true},
		"NUL in token":        {body: `{"access_token":"2Yotn\u0000"}`, refused: true},
		"DEL in token":        {body: "{\"access_token\":\"2Yotn\x7f\"}", refused: true},
		"beyond ASCII":        {body: `{"access_token":"2Yötn"}`, refused: true},
		"invalid UTF-8":       {body: "{\"access_token\":\"2Y\xff\"}", refused: true},
		"bad duplicate":       {body: `{"access_token":"good","access_token":"b ad"}`, refused: true},
		"empty body":          {body: ``, refused: true},
		"null":                {body: `null`, refused: true},
		"array":               {body: `[{` + bearer + `}]`, refused: true},
		"string":              {body: `"2YotnFZFEjr1zCsicMWpAA"`, refused: true},
		"form":                {body: `access_token=2YotnFZFEjr1zCsicMWpAA&token_type=Bearer`, refused: true},
		"cut off":             {body: `{` + bearer, refused: true},
		"trailing data":       {body: `{` + bearer + `}{}`, refused: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			granted, err := parseTokenResponse([]byte(tt.body))
			if tt.refused {
				if !errors.Is(err, ErrMalformed) {
					t.Fatalf("got %v, want ErrMalformed", err)
				}
				if strings.Contains(err.Error(), "2Y") {
					t.Errorf("%q quotes the token", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if granted.value != "2YotnFZFEjr1zCsicMWpAA" {
				t.Errorf("token %q", granted.value)
			}
			if got := granted.lifetime(&Spec{}); got != tt.lifetime {
				t.Errorf("lifetime %v, want %v", got, tt.lifetime)
			}
		})
	}
}

func TestParseRefusal(t *testing.T) {
	tests := map[string]struct {
		code    string
		refused bool
	}{
		`{"error":"invalid_client","error_description":"certificate PSDFR-ACPR-12345 unknown"}`: {"invalid_client", true},
		`{"error":"invalid_scope"}`:                        {"invalid_scope", true},
		`{"error":"urn:bank:x-1"}`:                         {"urn:bank:x-1", true},
		`{"error":"invalid_request","access_token":""}`:    {"invalid_request", true},
		`{"error":"invalid_request","access_token":"abc"}`: {"invalid_request", true},
		`{"error":"two words"}`:                            {"", true},
		`{"error":"quo\"te"}`:                              {"", true},
		`{"error":"back\\slash"}`:                          {"", true},
		`{"error":"line\nbreak"}`:                          {"", true},
		`{"error":"` + strings.Repeat("x", 65) + `"}`:      {"", true},
		`{"error":"used:SlAV32","access_token":"SlAV32"}`:  {"", true},
		`{"error":""}`:                                     {"", false},
		`{"error":null}`:                                   {"", false},
		`{"error":{"code":"x"}}`:                           {"", false},
		`[]`:                                               {"", false},
		`<html>`:                                           {"", false},
		``:                                                 {"", false},
	}
	for body, want := range tests {
		if code, refused := parseRefusal([]byte(body)); code != want.code || refused != want.refused {
			t.Errorf("%s: %q %v, want %+v", body, code, refused, want)
		}
	}
}
