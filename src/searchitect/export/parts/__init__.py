"""What a stand-alone model.py is put together from, beside the network: files that need torch and the standard library only."""
