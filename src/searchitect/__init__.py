"""Neural architecture search that ends with a trained, exported network and honest evidence."""
