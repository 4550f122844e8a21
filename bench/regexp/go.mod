module github.com/postern-auth/postern/bench/regexp

go 1.25.0

require github.com/tetratelabs/wazero v1.8.0
