"""The figures of the page: plain functions of a backend and a scope, which the API and the pages share."""
