"""Prints the first days of the upper gauge."""

import csv

with open("data/upper-gauge.csv", newline="") as file:
    for number, day in enumerate(csv.DictReader(file)):
        if number == 5:
            break
        print(day["day"], day["level_cm"], "rain" if day["rain"] == "true" else "dry")
