package tokens

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func form(body string) *http.Request {
	r, _ := http.NewRequest(http.MethodPost, "/inbox", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return r
}

func TestReadDelivery(t *testing.T) {
	d := &Delivered{MinLength: 66, MaxLength: 66}
	for name, c := range map[string]struct {
		r    *http.Request
		want error
	}{
		"as it should be": {form("token=" + delivery), nil},
		"with others":     {form("a=1&token=" + delivery + "&b=2"), nil},
		"encoded":         {form("token=%30" + delivery[1:]), nil},
		"none":            {form("tokens=" + delivery), ErrDeliveryMalformed},
		"empty":           {form("token="), ErrDeliveryMalformed},
		"twice":           {form("token=" + delivery + "&token=" + delivery), ErrDeliveryMalformed},
		"short":           {form("token=" + delivery[1:]), ErrDeliveryMalformed},
		"a line end":      {form("token=" + delivery[2:] + "%0d%0a"), ErrDeliveryMalformed},
		"a blank":         {form("token=+" + delivery[1:]), ErrDeliveryMalformed},
		"not ASCII":       {form("token=%c3%a9" + delivery[2:]), ErrDeliveryMalformed},
		"broken encoding": {form("token=%zz" + delivery), ErrDeliveryMalformed},
		"a semicolon":     {form("token=" + delivery + ";x=1"), ErrDeliveryMalformed},
		"long":            {form("token=0" + delivery), ErrDeliveryTooLong},
		"very long":       {form("token=" + strings.Repeat("x", 1<<20)), ErrDeliveryTooLong},
		"much beside it":  {form("token=" + delivery + "&a=" + strings.Repeat("x", 1<<16)), ErrDeliveryTooLong},
	} {
		token, err := d.read(c.r)
		if !errors.Is(err, c.want) || err == nil && token != delivery {
			t.Errorf("%s: %q %v", name, token, err)
		}
		if err != nil && strings.Contains(err.Error(), delivery[5:60]) {
			t.Errorf("%s: the token is in %v", name, err)
		}
	}
	other := form("token=" + delivery)
	other.Header.Set("Content-Type", "application/json")
	if _, err := d.read(other); !errors.Is(err, ErrDeliveryMalformed) {
		t.Errorf("JSON: %v", err)
	}
	inQuery := form("")
	inQuery.URL.RawQuery = "token=" + delivery
	if _, err := d.read(inQuery); !errors.Is(err, ErrDeliveryMalformed) {
		t.Errorf("in the query: %v", err)
	}
	named := &Delivered{Parameter: "auth"}
	if token, err := named.read(form("auth=x")); err != nil || token != "x" {
		t.Errorf("another name: %q %v", token, err)
	}
}

// Whatever is posted: a token is taken only if it can go into a header, and no
// error repeats what came.
func FuzzReadDelivery(f *testing.F) {
	for _, body := range []string{"token=" + delivery, "token=a&token=b", "token=%0a", "token=%zz", "=&;", "token"} {
		f.Add(body)
	}
	d := &Delivered{MaxLength: 100}
	f.Fuzz(func(t *testing.T, body string) {
		token, err := d.read(form(body))
		if err == nil && (token == "" || len(token) > 100 || !headerSafe(token)) {
			t.Errorf("took %q", token)
		}
		if err != nil && token != "" {
			t.Errorf("%q with %v", token, err)
		}
	})
}

// FuzzResponseCode holds that an answer never counts as a yes and a no at once.
func FuzzResponseCode(f *testing.F) {
	for _, body := range []string{`{"response_code":0}`, `{"response_code":"1"}`, `{"response_code":[]}`, `x`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if code, ok := responseCode(body); !ok && code != 0 {
			t.Errorf("%d without being there", code)
		}
	})
}
