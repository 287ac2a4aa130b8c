"""The web service: an HTTP API, jobs that outlive it, and the page; needs peft-sp[web]."""
