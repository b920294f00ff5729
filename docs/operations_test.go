package docs_test

import (
	"go/ast"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-tpp/caddy-tpp/answers"
	"github.com/caddy-tpp/caddy-tpp/sidecar"
)

const operationsFile = "docs/operations.md"

// scrape reads the sidecar's metrics: name to type, and the labels of each name.
func (w *world) scrape(t *testing.T) (kinds map[string]string, labels map[string][]string) {
	t.Helper()
	response, err := http.Get("http://" + w.metricsListener + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	kinds, labels = make(map[string]string), make(map[string][]string)
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (caddy_tpp_\S+) (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		kinds[m[1]] = m[2]
	}
	for _, m := range regexp.MustCompile(`(?m)^(caddy_tpp_[a-z_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? `).FindAllStringSubmatch(string(text), -1) {
		if labels[m[1]] == nil {
			labels[m[1]] = []string{}
		}
		for _, label := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(m[2], -1) {
			if label[1] != "le" && !slices.Contains(labels[m[1]], label[1]) {
				labels[m[1]] = append(labels[m[1]], label[1])
			}
		}
	}
	return kinds, labels
}

// What is said of a running sidecar is so.
func TestRunningSidecar(t *testing.T) {
	w := newWorld(t)
	t.Run("metrics", w.testMetrics)
	t.Run("logs", w.testLogs)
}

// testMetrics compares the table with what a sidecar shows that has sent,
// fetched, signed and repeated.
func (w *world) testMetrics(t *testing.T) {
	w.settle(t, w.sidecar)
	expired, err := http.Post("http://"+w.control+"/expire-tokens", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	expired.Body.Close()
	w.settle(t, w.sidecar)
	if err := w.run(t, w.dir, "curl -sL 'http://"+w.sidecar+"/authorize?aspsp=bpgo-aisp&grant=lea&return_url=http://"+w.sidecar+"/-/health'"); err != nil {
		t.Fatal(err)
	}
	delivered, err := http.PostForm("http://"+w.sidecar+"/inbox", url.Values{"token": {"unasked"}})
	if err != nil {
		t.Fatal(err)
	}
	delivered.Body.Close()
	kinds, labels := w.scrape(t)
	text := read(t, operationsFile)
	for _, row := range rows(section(t, text, "## Metrics")) {
		name := quoted(row[0])[0]
		if kinds[name] != row[1] {
			t.Errorf("%s: %s is a %q", operationsFile, name, kinds[name])
		}
		same(t, name, quoted(row[2]), labels[name])
		delete(kinds, name)
	}
	for name := range kinds {
		t.Errorf("%s does not list the metric %s", operationsFile, name)
	}
	// What alerts and other documents name exists.
	for _, d := range documents(t) {
		for _, name := range regexp.MustCompile(`caddy_tpp_[a-z_]+`).FindAllString(d.text, -1) {
			if base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, ""); labels[base] == nil {
				t.Errorf("%s: there is no metric %s", d.name, name)
			}
		}
	}
}

// logRecipe is the part of a Caddyfile that shows one line per call.
func logRecipe(t *testing.T) string {
	t.Helper()
	_, logs, _ := strings.Cut(section(t, read(t, operationsFile), "## Logs"), "```caddyfile\n{\n")
	recipe, _, ok := strings.Cut(logs, "\n}\n```")
	if !ok {
		t.Fatalf("%s has no recipe for logs", operationsFile)
	}
	return recipe
}

// testLogs wants a line for a call, and one for a certificate file that is
// broken, from a sidecar whose logs follow the recipe.
func (w *world) testLogs(t *testing.T) {
	w.settle(t, w.sidecar)
	key := filepath.Join(w.dir, "qwac-key.pem")
	if err := os.Rename(filepath.Join(w.dir, "qseal-key.pem"), key); err != nil {
		t.Fatal(err)
	}
	missing := []string{`"msg":"call"`, `"msg":"changed certificate files cannot be used; going on with the former ones"`}
	for range 100 {
		said := w.said.String()
		missing = slices.DeleteFunc(missing, func(line string) bool { return strings.Contains(said, line) })
		if len(missing) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%s: its logs do not have %s", operationsFile, strings.Join(missing, " and "))
}

// Each outcome that an alert asks for is a code or a class of answers.
func TestAlertOutcomes(t *testing.T) {
	outcomes := []string{"2xx", "3xx", "4xx", "5xx", "ok", string(answers.Valid)}
	for _, p := range sidecar.Problems() {
		outcomes = append(outcomes, string(p.Code))
	}
	alerts := section(t, read(t, operationsFile), "## Alerts")
	found := regexp.MustCompile(`outcome(?:=|=~|!=)"([^"]+)"`).FindAllStringSubmatch(alerts, -1)
	if len(found) == 0 {
		t.Error("no outcomes found")
	}
	for _, m := range found {
		for pattern := range strings.SplitSeq(m[1], "|") {
			if expression := regexp.MustCompile("^(?:" + pattern + ")$"); !slices.ContainsFunc(outcomes, expression.MatchString) {
				t.Errorf("%s: no outcome is %s", operationsFile, pattern)
			}
		}
	}
}

// The table of findings is that of package certs.
func TestFindings(t *testing.T) {
	refuses := make(map[string]string)
	inspect(source(t, "certs/finding.go"), func(spec *ast.ValueSpec) {
		if !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return
		}
		code, _ := literal(spec.Values[0])
		refuses[code] = "no"
		if strings.HasPrefix(spec.Comment.Text(), "refuse") {
			refuses[code] = "yes"
		}
	})
	for _, row := range rows(section(t, read(t, operationsFile), "### Warnings about certificates")) {
		code := quoted(row[0])[0]
		if refuses[code] != row[1] {
			t.Errorf("%s: %s: refuses is %q, not %q", operationsFile, code, refuses[code], row[1])
		}
		delete(refuses, code)
	}
	for code := range refuses {
		t.Errorf("%s does not list the finding %s", operationsFile, code)
	}
}

// Log lines and their fields are those of the code.
func TestLogs(t *testing.T) {
	text := read(t, operationsFile)
	module := source(t, "caddymodule/*.go")
	messages := callTexts(module, "Info", "Warn", "Error")
	for _, row := range rows(section(t, text, "### Renewal")) {
		if message := quoted(row[0])[0]; !slices.Contains(messages, message) {
			t.Errorf("%s: no log line says %q", operationsFile, message)
		}
	}
	logs := section(t, text, "## Logs")
	if !strings.Contains(logs, "`asking for the fallback interface`") || !slices.Contains(messages, "asking for the fallback interface") {
		t.Errorf("%s: the log line about the fallback is another one", operationsFile)
	}
	var fields []string
	inspect(module, func(f *ast.FuncDecl) {
		if f.Name.Name == "logDone" {
			file := &ast.File{Name: f.Name, Decls: []ast.Decl{f}}
			fields = callTexts([]*ast.File{file}, "String", "Int", "Bool", "Duration")
		}
	})
	same(t, "fields of a call's log line", firstWords(logs), fields)
}
