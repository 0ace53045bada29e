"""The sandbox exchange: an HTTP server that speaks Binance's and Bybit's REST protocols. See README.md here."""
