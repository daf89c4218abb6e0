-- A file that the version without ids wrote: jobs H:2 to H:10 of a client, after one in the foreground.
CREATE TABLE gearman_queue (unique_key TEXT, function_name TEXT, priority INTEGER,
             data BLOB, when_to_run INTEGER, PRIMARY KEY (unique_key, function_name));
INSERT INTO gearman_queue (rowid, unique_key, function_name, priority, data, when_to_run) VALUES
    (1, '(no key) 2', 'f', 1, X'6e6f206b6579', 0),
    (2, 'mine', 'f', 1, X'61206b6579', 0),
    (3, '(workload) 4', 'f', 1, X'627920776f726b6c6f6164', 0),
    (4, 'urgent', 'f', 0, X'6f662068696768207072696f72697479', 0),
    (5, '(no key) 6', 'f', 2, X'', 0),
    (6, 'later', 'f', 1, X'64656c61796564', 4000000000),
    (7, 'parts', 'f', 1, X'746f206265206a6f696e6564', 0),
    (8, '(no key) 9', 'g', 1, X'6c6f6f6b73206c696b65206f757273', 0),
    (9, CAST(X'6bff' AS TEXT), 'f', 1, X'6e6f207465787400ff', 0);
