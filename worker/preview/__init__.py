"""Looking at mail on this machine: a page server that survives whatever its renderer, a child process, comes to."""
