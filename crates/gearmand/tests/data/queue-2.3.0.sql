-- A file that the version without tries and dead letters wrote: jobs H:2 to H:8 of a client, after one in the foreground.
-- H:6 was done.
CREATE TABLE "gearman_queue" (unique_key TEXT, function_name TEXT, priority INTEGER,
             data BLOB, when_to_run INTEGER, PRIMARY KEY (unique_key, function_name));
CREATE TABLE "gearman_queue_extras_version" (version INTEGER PRIMARY KEY);
CREATE TABLE "gearman_queue_extras" (unique_key TEXT, function_name TEXT, reducer TEXT,
                 PRIMARY KEY (unique_key, function_name)) WITHOUT ROWID;
CREATE TRIGGER "gearman_queue_extras_insert" BEFORE INSERT ON "gearman_queue" BEGIN
                 DELETE FROM "gearman_queue_extras" WHERE unique_key = NEW.unique_key AND function_name = NEW.function_name;
             END;
CREATE TRIGGER "gearman_queue_extras_delete" AFTER DELETE ON "gearman_queue" BEGIN
                 DELETE FROM "gearman_queue_extras" WHERE unique_key = OLD.unique_key AND function_name = OLD.function_name;
             END;
INSERT INTO gearman_queue (rowid, unique_key, function_name, priority, data, when_to_run) VALUES
    (2, '(no key) 2', 'f', 1, CAST('no key' AS BLOB), 0),
    (3, 'split', 'f', 1, CAST('parts' AS BLOB), 0),
    (4, '(no key) 4', 'f', 1, CAST('no key, an empty reducer' AS BLOB), 0),
    (5, '(workload) 5', 'g', 1, CAST('by workload' AS BLOB), 0),
    (7, 'later', 'f', 1, CAST('delayed' AS BLOB), 4000000000),
    (8, 'split2', 'f', 1, CAST('once more' AS BLOB), 0);
INSERT INTO gearman_queue_extras VALUES
    ('(no key) 4', 'f', ''),
    ('(workload) 5', 'g', CAST(X'6a6f696eff' AS TEXT)),
    ('split', 'f', 'join'),
    ('split2', 'f', 'join');
INSERT INTO gearman_queue_extras_version VALUES (1);
