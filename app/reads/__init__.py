"""Second floor: every question one can ask, answered by one statement each."""
