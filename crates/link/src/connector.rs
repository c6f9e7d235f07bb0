//! The way from an endpoint to an open stream: TCP, and TLS where it is asked for.
