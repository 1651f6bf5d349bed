-- Keys of the other objects that a fetch of an event's object shows, separated by spaces: the fetch
-- answers for their events too.
ALTER TABLE events ADD COLUMN shows text NOT NULL DEFAULT '';
