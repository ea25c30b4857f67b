"""Where results go: ClickHouse (embedded and server). Imports nothing of the other rooms."""
