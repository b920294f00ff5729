package headers

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestMade(t *testing.T) {
	f, err := Compile(Policy{
		Make:      map[string]string{"x-time": "unix-time", "TPP-ID": "organization-id", "client_id": "client-id", "X-Request-ID": "request-id"},
		RequestID: "x-fapi-interaction-id", Allow: []string{"x-tim*", "x-fapi-*", "TPP-*", "client_*"},
	}, "x-fapi-customer-ip-address")
	if err != nil {
		t.Fatal(err)
	}
	want := []Made{{"TPP-ID", MakeOrganizationID}, {"X-Request-ID", MakeRequestID}, {"client_id", MakeClientID}, {"x-time", MakeUnixTime}}
	if !slices.Equal(f.Made(), want) || f.RequestID() != "x-fapi-interaction-id" {
		t.Errorf("%v %q", f.Made(), f.RequestID())
	}
	for _, name := range []string{"X-Fapi-Interaction-ID", "x-time", "tpp-id"} {
		if !f.Makes(name) {
			t.Errorf("%s is not made", name)
		}
	}
	if f.Makes("x-other") || f.Makes("x-fapi-customer-ip-address") {
		t.Error("makes what it does not")
	}
	// Nothing that is made or read elsewhere passes as the application sent it,
	// not even by a wildcard.
	var passed []string
	dropped := f.Select(header("x-time", "1", "tpp-id", "x", "client_id", "x", "x-fapi-interaction-id", "x", "X-Request-ID", "x",
		"x-fapi-customer-ip-address", "10.0.0.1", "x-fapi-auth-date", "ok", "client_name", "ok"),
		func(name string, _ []string) { passed = append(passed, name) })
	if !slices.Equal(passed, []string{"client_name", "x-fapi-Auth-Date"}) {
		t.Errorf("passed %q", passed)
	}
	if dropped != 3 { // x-time, tpp-id, client_id; the others are read
		t.Errorf("%d dropped", dropped)
	}
}

func TestRequestIDByDefault(t *testing.T) {
	f := compile(t, Policy{})
	if f.RequestID() != RequestID || !f.Makes("x-request-id") || len(f.Made()) > 0 {
		t.Errorf("%q %v", f.RequestID(), f.Made())
	}
}

func TestEveryKind(t *testing.T) {
	for i, name := range kinds {
		f := compile(t, Policy{Make: map[string]string{"X-A": name}})
		if made := f.Made(); len(made) != 1 || made[0].Kind != Kind(i+1) || made[0].Kind.String() != name {
			t.Errorf("%s: %v", name, made)
		}
	}
}

func TestWrongMade(t *testing.T) {
	set := func(name string) map[string]string { return map[string]string{name: "x"} }
	for name, c := range map[string]struct {
		policy   Policy
		consumed []string
		want     string
	}{
		"kind":                 {Policy{Make: map[string]string{"X-A": "uuid"}}, nil, "use one of host, date, request-id"},
		"no name":              {Policy{Make: map[string]string{"X A": "date"}}, nil, "no header name"},
		"wildcard":             {Policy{Make: map[string]string{"X-*": "date"}}, nil, "no header name"},
		"other use":            {Policy{Make: map[string]string{"Signature": "date"}}, nil, "another use"},
		"the id twice":         {Policy{Make: map[string]string{"X-Request-ID": "request-id"}}, nil, "in request_id already"},
		"the id's place":       {Policy{Make: map[string]string{"X-Request-ID": "date"}, RequestID: "x-id"}, nil, "another use"},
		"twice":                {Policy{Make: map[string]string{"X-A": "date", "x-a": "host"}}, nil, "keep one"},
		"made and allowed":     {Policy{Make: map[string]string{"X-A": "date"}, Allow: []string{"x-a"}}, nil, "keep one"},
		"made and set":         {Policy{Make: map[string]string{"X-A": "date"}, Set: set("x-a")}, nil, "keep one"},
		"id and allowed":       {Policy{RequestID: "x-id", Allow: []string{"X-ID"}}, nil, "keep one"},
		"id and set":           {Policy{RequestID: "x-id", Set: set("X-ID")}, nil, "keep one"},
		"id is no name":        {Policy{RequestID: "x id"}, nil, "no header name"},
		"id has another use":   {Policy{RequestID: "PSU-IP-Address"}, nil, "another use"},
		"version":              {Policy{RequestIDVersion: 7}, nil, "use 4 (random) or 1"},
		"member":               {Policy{RequestIDMember: "a..b"}, nil, "requestHeader.requestId"},
		"consumed and allowed": {Policy{Allow: []string{"X-Ip"}}, []string{"x-ip"}, "remove it from headers"},
		"consumed and set":     {Policy{Set: set("X-Ip")}, []string{"x-ip"}, "remove it from headers"},
		"consumed and made":    {Policy{Make: map[string]string{"X-Ip": "host"}}, []string{"x-ip"}, "remove it from headers"},
		"consumed and the id":  {Policy{RequestID: "X-Ip"}, []string{"x-ip"}, "remove it from headers"},
	} {
		_, err := Compile(c.policy, c.consumed...)
		if !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Names with underscores go out as they are configured, whatever the
// application's spelling.
func TestUnderscoresStay(t *testing.T) {
	f := compile(t, Policy{Allow: []string{"merchant_usn"}, Set: map[string]string{"merchant_id": "1"}})
	var passed []string
	f.Select(header("Merchant_Usn", "7", "merchant-usn", "8", "MERCHANT_ID", "9"), func(name string, values []string) {
		passed = append(passed, name+": "+values[0])
	})
	if !slices.Equal(passed, []string{"merchant_usn: 7"}) || f.Fixed()[0].Name != "merchant_id" {
		t.Errorf("passed %q, fixed %v", passed, f.Fixed())
	}
}
