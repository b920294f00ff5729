module github.com/caddy-tpp/caddy-tpp

go 1.26
