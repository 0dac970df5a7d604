"""How fast it is, beside real peers: `make bench`. See docs/performance.md."""
