package tokens

import "testing"

func TestLoopbackHTTP(t *testing.T) {
	for address, want := range map[string]bool{
		"http://127.0.0.1:9443/authorize": true, "http://localhost/authorize?bank=1": true, "http://[::1]:80/": true,
		"https://127.0.0.1/": false, "http://127.0.0.1.bank.example/": false, "http://bank.example/": false,
		"http://localhost@bank.example/": false, "http://localhost#x": false, "//localhost/": false, "": false, "http://%zz": false,
	} {
		if got := LoopbackHTTP(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if err := (&Spec{Authorize: Authorize{Endpoint: "http://127.0.0.1:9443/authorize"}}).Validate(); err != nil {
		t.Error(err)
	}
	if (&Spec{Endpoint: "http://127.0.0.1:9443/token"}).Validate() == nil {
		t.Error("a token endpoint without TLS")
	}
}
