module github.com/postern-auth/postern

go 1.24
