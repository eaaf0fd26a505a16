"""The relaxations, one file each: from the logits of an open choice to the weights of its options."""
