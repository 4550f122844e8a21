module github.com/postern-auth/postern/bench/server

go 1.25.0
