"""The built-in web page. Nothing is served from here yet."""
