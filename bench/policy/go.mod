module github.com/postern-auth/postern/bench/policy

go 1.25.0

require (
	github.com/http-wasm/http-wasm-host-go v0.7.0
	github.com/tetratelabs/wazero v1.8.0
)
