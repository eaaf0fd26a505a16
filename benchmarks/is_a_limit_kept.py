"""With params<=20k on digits: is every trained network within it, and how good is the winner? Three seeds, two workers."""

from does_digits_take_two_minutes import main

if __name__ == "__main__":
    main(
        seeds=3,
        where=("params<=20k",),
        name="is_a_limit_kept",
        claim="no trained network above 20,000 parameters; median test accuracy at least 0.985",
    )
