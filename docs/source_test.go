package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source parses the Go files of a pattern, without tests.
func source(t *testing.T, pattern string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		t.Fatalf("no source at %s", pattern)
	}
	return files
}

// inspect visits all nodes of one type.
func inspect[N ast.Node](files []*ast.File, visit func(N)) {
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			if n, ok := node.(N); ok {
				visit(n)
			}
			return true
		})
	}
}

// literal gives the text of a string literal.
func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// caseWords are the strings that a switch over a parsed word knows.
func caseWords(files []*ast.File, tag string) []string {
	var words []string
	inspect(files, func(s *ast.SwitchStmt) {
		if types(s.Tag) != tag {
			return
		}
		for _, clause := range s.Body.List {
			for _, e := range clause.(*ast.CaseClause).List {
				if word, ok := literal(e); ok {
					words = append(words, word)
				}
			}
		}
	})
	return words
}

// types writes simple expressions as source: d.Val(), option.
func types(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return types(e.X) + "." + e.Sel.Name
	case *ast.CallExpr:
		return types(e.Fun) + "()"
	}
	return ""
}

// callTexts are the texts of the first argument of calls of a method, such as
// the messages of log lines.
func callTexts(files []*ast.File, methods ...string) []string {
	var texts []string
	inspect(files, func(call *ast.CallExpr) {
		if selector, ok := call.Fun.(*ast.SelectorExpr); ok && len(call.Args) > 0 && slices.Contains(methods, selector.Sel.Name) {
			if text, ok := literal(call.Args[0]); ok {
				texts = append(texts, text)
			}
		}
	})
	return texts
}

// jsonKeys are the keys of a struct type, unexported fields left out.
func jsonKeys(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			keys = append(keys, name)
		}
	}
	return keys
}

// firstWords are what stands in backticks in the first cells of a text's tables.
func firstWords(text string) []string {
	var words []string
	for _, row := range rows(text) {
		words = append(words, quoted(row[0])...)
	}
	return words
}

// same reports what is in only one of two lists.
func same(t *testing.T, what string, documented, real []string) {
	t.Helper()
	for _, word := range real {
		if !slices.Contains(documented, word) {
			t.Errorf("%s: %s is not documented", what, word)
		}
	}
	for _, word := range documented {
		if !slices.Contains(real, word) {
			t.Errorf("%s: %s is documented, but does not exist", what, word)
		}
	}
	if len(real) == 0 && len(documented) > 0 {
		t.Errorf("%s: nothing found in the code", what)
	}
}
