"""Search with shared weights: one supernet holds every network of a space, and one loop trains it for every method.

A method says what a step does. `Relaxed` methods learn the decisions by gradient, from a relaxation and an architecture gradient; methods
that sample paths train one network of the supernet at a time, and ordinary strategies search with the estimator ``shared-weights`` then.
"""
