import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.ParallelStreamProcessor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * One process of Confluent's Parallel Consumer, as `bench peers` compares linkrelay with it. Its
 * function only takes time; it prints how many records it did, 20 times a second, in the form of
 * linkrelay's own `replica`. Given a file, it appends a line for each record that it did.
 *
 * <p>The order is the one that holds the least up; all that is not given is its default: commits
 * every 5 s, asynchronously.
 */
public final class Peer {
  private static final long REPORT_MS = 50;

  public static void main(String[] arguments) throws IOException, InterruptedException {
    if (arguments.length < 6 || arguments.length > 7) {
      System.err.println("Peer BROKERS TOPIC GROUP IN_FLIGHT LATENCY_US SESSION_MS [FILE]");
      System.exit(2);
    }
    long latencyNs = Long.parseLong(arguments[4]) * 1_000;
    FileOutputStream done = arguments.length == 7 ? new FileOutputStream(arguments[6], true) : null;
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers", arguments[0],
            "group.id", arguments[2],
            "session.timeout.ms", arguments[5],
            "auto.offset.reset", "earliest",
            "enable.auto.commit", "false");
    KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    ParallelConsumerOptions<byte[], byte[]> options =
        ParallelConsumerOptions.<byte[], byte[]>builder()
            .consumer(consumer)
            .ordering(ProcessingOrder.UNORDERED)
            .maxConcurrency(Integer.parseInt(arguments[3]))
            .build();
    ParallelStreamProcessor<byte[], byte[]> processor =
        ParallelStreamProcessor.createEosStreamProcessor(options);
    processor.subscribe(List.of(arguments[1]));
    LongAdder count = new LongAdder();
    processor.poll(
        context -> {
          take(latencyNs);
          if (done != null) {
            append(done, context.getSingleConsumerRecord());
          }
          count.increment();
        });
    while (!processor.isClosedOrFailed()) {
      long atMs = System.currentTimeMillis();
      System.out.println("{\"at_ms\":" + atMs + ",\"acknowledged\":" + count.sum() + "}");
      Thread.sleep(REPORT_MS);
    }
    System.exit(1);
  }

  /** A wait by the kernel's timer, which may wake too early, but never does here. */
  private static void take(long latencyNs) {
    long until = System.nanoTime() + latencyNs;
    for (long left = latencyNs; left > 0; left = until - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }

  /** One write a line and no buffer: what was done before a SIGKILL is in the file. */
  private static void append(FileOutputStream done, ConsumerRecord<byte[], byte[]> record) {
    String line = System.currentTimeMillis() + " " + record.partition() + " " + record.offset() + "\n";
    try {
      done.write(line.getBytes(StandardCharsets.US_ASCII));
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
