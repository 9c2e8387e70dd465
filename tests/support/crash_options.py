"""What `make crash` and `make crash-sends` may both be given."""


def add_options(parser):
    parser.add_argument("--sends", type=int, help="how many sends of 5,000, half on each database")
    parser.add_argument("--staged", type=int, help="how many staged sends besides; a quarter of those if not said")
    parser.add_argument("--seed", default="", help="repeats what a run has drawn")
    parser.add_argument("--first", type=int, default=1, help="the number of the first send on each database")
