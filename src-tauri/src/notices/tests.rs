//! News in every order, and what a person is told of it.
