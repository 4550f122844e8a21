module postern/regexp-oracle

go 1.26
