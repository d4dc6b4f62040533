package dev.smalti.distributed;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The network interfaces of this machine by which another can be reached. */
final class Interfaces {
    private Interfaces() {}

    /**
     * The address to be reached at where a machine's own name means its loopback, as {@code 127.0.1.1} in the hosts file of Debian: that
     * of the one other interface, or the loopback where there is none.
     *
     * @param name what stands for this machine
     * @param loopback what it means here
     * @throws IllegalArgumentException if there are several
     */
    static InetAddress instead(String name, InetAddress loopback) throws SocketException {
        return instead(name, loopback, up());
    }

    static InetAddress instead(String name, InetAddress loopback, Map<String, InetAddress> up) {
        if (up.size() > 1) {
            throw new IllegalArgumentException(
                    "MASTER_ADDR must lead to this machine by its network, and " + name + " is "
                            + loopback.getHostAddress() + " here, the loopback: set GLOO_SOCKET_IFNAME to one of "
                            + String.join(", ", up.keySet()) + ", or give MASTER_ADDR as an address");
        }
        return up.values().stream().findFirst().orElse(loopback);
    }

    /** By name. */
    private static Map<String, InetAddress> up() throws SocketException {
        Map<String, InetAddress> up = new TreeMap<>();
        List<NetworkInterface> all = new ArrayList<>();
        NetworkInterface.networkInterfaces().forEach(all::add);
        for (NetworkInterface each : all) {
            if (each.isUp() && !each.isLoopback()) {
                each.inetAddresses()
                        .filter(Inet4Address.class::isInstance)
                        .findFirst()
                        .ifPresent(address -> up.put(each.getName(), address));
            }
        }
        return up;
    }
}
