"""Tables: CSV, TSV and Parquet files whose rows are samples and whose columns are features and a label."""
