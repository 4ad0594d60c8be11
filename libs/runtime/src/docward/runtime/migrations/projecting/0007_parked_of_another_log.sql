-- A log that was made anew, and accepted, has other records at the offsets of those that are parked; they have other times.
alter table parked drop constraint parked_consumer_topic_partition_record_offset_key;
alter table parked add unique (consumer, topic, partition, record_offset, record_timestamp);
