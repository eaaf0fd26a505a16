"""What a stand-alone model.py is put together from, beside the network itself: each file needs torch and the standard library only."""
