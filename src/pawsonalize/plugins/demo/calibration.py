"""Rates measured at public shelters; every number says where it was measured.

Sources, in `shared/data/shelters/` (aggregates may be carried here, rows may not):
[C] `calibration.json`, by its key; [S] `stays_sonoma_ca.csv.gz`; [B] `stays_bloomington_in.csv.gz`.
[A] marks an assumption: nobody measured it for us, it is only plausible.
Sizes are in the order small, medium, large, extra large; ages baby, young, adult, senior.
Hazard ratios are of adoption per day; they describe, they do not explain.
"""

CAT, DOG, RABBIT = "1", "2", "3"
SPECIES = (CAT, DOG, RABBIT)

# [C] group_cardinality_sonoma…median_day.cat_share 0.46; rabbits [A]
SPECIES_SHARE = (0.46, 0.52, 0.02)

# Ages at intake of animals later adopted, mean of the two shelters' shares among known ages:
# cats [S] .74 .12 .10 .04, [B] .44 .28 .21 .06; dogs [C] stock_mix_sonoma…, [B] .43 .27 .22 .08;
# rabbits [S] 77 adopted with a known age
AGE_SHARE = ((0.59, 0.20, 0.16, 0.05), (0.42, 0.32, 0.20, 0.06), (0.48, 0.49, 0.02, 0.01))

# [C] kitten_intake_month_index, January to December; its mean is 1
KITTEN_MONTH_INDEX = (0.29, 0.26, 0.45, 0.95, 1.59, 1.69, 1.40, 1.50, 1.61, 1.20, 0.63, 0.43)

# [C] los_adopted_days.sonoma: p50 and p90 in days; rabbits [S], 81 adoptions
STAY_MEDIAN_DAYS = (26.0, 27.0, 39.0)
STAY_P90_DAYS = (66.0, 92.0, 146.0)

# [C] hr_dog_sonoma.size (s, m, l, xl); cats and rabbits were not measured by size
SIZE_HAZARD = ((1.0, 1.0, 1.0, 1.0), (1.56, 1.0, 0.98, 0.92), (1.0, 1.0, 1.0, 1.0))

# [C] hr_cat_sonoma.age_pf, hr_dog_sonoma.age_pf; rabbits [A] as cats
AGE_HAZARD = ((2.17, 1.49, 1.0, 0.76), (2.80, 2.07, 1.0, 0.59), (2.17, 1.49, 1.0, 0.76))

# [C] hr_dog_sonoma.family and hr_cat_sonoma.family; rabbits [A]
FAMILY_HAZARD = {
    "bully": 0.56,
    "husky_spitz": 0.66,
    "herding": 0.73,
    "shepherd_guard": 0.86,
    "retriever_sporting": 1.0,
    "chihuahua": 1.03,
    "hound": 1.12,
    "other_dog": 1.19,
    "terrier": 1.29,
    "toy_companion": 1.43,
    "dsh": 1.0,
    "dmh": 1.04,
    "dlh": 1.23,
    "siamese": 1.61,
    "other_cat": 0.99,
    "rabbit": 1.0,
}

# [C] hr_cat_pooled….male and .black, hr_dog_sonoma.male and .black; rabbits [A]
MALE_HAZARD = (1.11, 0.86, 1.0)
BLACK_HAZARD = (0.77, 1.04, 1.0)

# Share of animals that are mostly black: cats [S] .13 [B] .16, dogs [S] .07 [B] .13; rabbits [A]
BLACK_SHARE = (0.14, 0.10, 0.15)
MALE_SHARE = 0.51  # [S] cats .508, dogs .514

# [C] petfinder_my_mini.not_in_100d_by_photos, for 0, 1, 2-3, 4-5 and 6 or more photos
NOT_ADOPTED_IN_100_DAYS_BY_PHOTOS = (0.58, 0.32, 0.28, 0.23, 0.17)
NO_PHOTO_SHARE = 0.02  # [C] missingness_petfinder_la_puppies.photos

# [C] missingness_petfinder_la_puppies.environment: children, dogs, cats
UNKNOWN_SHARE = (0.46, 0.34, 0.69)
# [A] among the known: good with kids, dogs, cats; one row per species
GOOD_WITH_SHARE = ((0.80, 0.55, 0.80), (0.78, 0.75, 0.50), (0.70, 0.30, 0.30))

# [A] favorite, inquiry and application per view; the order is what matters
FUNNEL_RATES = (0.065, 0.022, 0.006)

# [A] the share of visits by hour of the day, local time: evenings, and a little at lunch
BY_HOUR = (4, 2, 1, 1, 1, 2, 4, 8, 12, 14, 15, 17, 20, 18, 16, 16, 18, 22, 28, 34, 36, 30, 18, 9)
UTC_OFFSET_HOURS = -8  # the demo region lies on the Pacific coast; it has no summer time
