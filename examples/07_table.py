"""A csv file as it comes: text, dates, missing values, a column of row numbers; then answers to new rows."""

import csv
import random
from datetime import date, timedelta
from pathlib import Path

from searchitect import load_result, search

HEADER = ["id", "city", "opened", "visits", "grade", "stays"]


def shop(number, rng):
    """A made-up shop, which stays open if it is visited enough for its town; cells may be empty."""
    city, visits = rng.choice(["Łódź", "Graz", "Pau"]), rng.lognormvariate(5, 1)
    stays = visits > {"Łódź": 250, "Graz": 150, "Pau": 80}[city]
    opened = date(2015, 1, 1) + timedelta(days=rng.randrange(3000))
    row = [city, opened.isoformat(), round(visits), rng.choice("ABC")]
    return [number, *(cell if rng.random() < 0.95 else "" for cell in row), "yes" if stays else "no"]


if __name__ == "__main__":
    rng = random.Random(0)
    with Path("shops.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *(shop(number, rng) for number in range(800))])
    result = search("shops.csv", target="stays", budget="20s", out="runs/07_table")
    print(result.summary["sentence"])
    print("what was done to the columns:", *result.summary["notes"], sep="\n  ")

    with Path("new.csv").open("w", newline="", encoding="utf-8") as file:  # a city never seen, nothing known of the last
        csv.writer(file).writerows([HEADER[:-1], [900, "Bonn", "2024-05-01", 400, "A"], [901, "", "", "", ""]])
    print(load_result("runs/07_table").predict("new.csv").to_csv())
