// Written by Scripts/embed-templates from Templates/; change the files there.

/// Templates and template resources by path, for a program without a template directory.
let embeddedTemplates: [String: String] = [
    "conf.d/10-family.toml": #"""
    # Filters, kernel and static protocols: one file per family.
    [template]
    src = "family.conf.stencil"
    dest = "{{name}}.conf"
    each = "families"
    mode = "0640"

    """#,
    "conf.d/20-peers.toml": #"""
    # One fragment per session, rendered again only when the session changes. Holds passwords.
    [template]
    src = "peer.conf.stencil"
    dest = "peers/{{name}}.conf"
    each = "sessions"
    mode = "0640"

    """#,
    "conf.d/90-speaker.toml": #"""
    # The file that the speaker reads; it includes the others. "@speaker" is the daemon's own parser and reload.
    [template]
    src = "speaker.conf.stencil"
    dest = "speaker.conf"
    mode = "0640"
    check_cmd = "@speaker"
    reload_cmd = "@speaker"

    """#,
    "templates/family.conf.stencil": #"""
    # {{ item.title }} policy of node {{ node.name }}. Written by martlet; changes made here are lost.

    {% for block in item.aggregates %}
    {% if forloop.first %}
    # Blocks of this node: the block is announced, what lies beneath it only with a better metric than usual.
    {% endif %}
    {% endfor %}
    function aggregate_{{ item.suffix }}()
    {
    {% for block in item.aggregates %}
      if net = {{ block }} then accept;
      if net ~ {{ block }} && krt_metric < {{ item.normal_priority }} then accept;
      if net ~ {{ block }} then reject;
    {% endfor %}
    }

    function set_communities_{{ item.suffix }}()
    {
    {% for advertisement in item.advertisements %}
      if net ~ {{ advertisement.prefix }} then {
    {% for community in advertisement.standard %}
        bgp_community.add(({{ community }}));
    {% endfor %}
    {% for community in advertisement.large %}
        bgp_large_community.add(({{ community }}));
    {% endfor %}
      }
    {% endfor %}
    }

    # Kernel metric and LOCAL_PREF say the same: LOCAL_PREF is {{ item.largest_priority }} minus the metric.
    function map_priority_{{ item.suffix }}()
    {
      if source = RTS_BGP && defined(bgp_local_pref) && bgp_local_pref <= {{ item.largest_priority }} then {
        krt_metric = {{ item.largest_priority }} - bgp_local_pref;
      } else {
        if !defined(krt_metric) then krt_metric = {{ item.normal_priority }};
        if krt_metric > {{ item.largest_priority }} then krt_metric = {{ item.largest_priority }};
        bgp_local_pref = {{ item.largest_priority }} - krt_metric;
      }
    }

    function export_to_peers_{{ item.suffix }}(bool internal_peer)
    {
    {% for pool in item.pools %}{% if not pool.exported %}
      if net ~ {{ pool.prefix }} then reject;
    {% endif %}{% endfor %}
      # Routes of other nodes that felix made are theirs to announce.
      if internal_peer && defined(ifname) then {
        if ifname ~ "*.cali" || ifname ~ "*.calico" || ifname ~ "tunl0" then reject;
      }
      if defined(ifname) then {
        if ifname ~ "bpf*.cali" then reject;
      }
      set_communities_{{ item.suffix }}();
      aggregate_{{ item.suffix }}();
    {% for pool in item.pools %}{% if pool.exported %}
      if net ~ {{ pool.prefix }} then accept;
    {% endif %}{% endfor %}
    }

    filter export_internal_{{ item.suffix }}
    {
      map_priority_{{ item.suffix }}();
      export_to_peers_{{ item.suffix }}(true);
      reject;
    }

    filter export_external_{{ item.suffix }}
    {
      map_priority_{{ item.suffix }}();
      export_to_peers_{{ item.suffix }}(false);
      reject;
    }

    # A route with a better priority than usual beats what this node knows itself.
    filter import_{{ item.suffix }}
    {
      if defined(bgp_local_pref) && bgp_local_pref > {{ item.local_preference_threshold }} then preference = 200;
      accept;
    }

    # Blackholes of blocks are felix's alone, and so are routes of encapsulated pools.
    filter kernel_export_{{ item.suffix }}
    {
    {% for route in item.peer_statics %}
      if source = RTS_STATIC && net = {{ route.prefix }} then accept;
    {% endfor %}
      if source != RTS_BGP then reject;
    {% for pool in item.pools %}{% if pool.kernel == "reject" %}
      if net ~ {{ pool.prefix }} then reject;
    {% endif %}{% endfor %}
      if !defined(krt_metric) then {
        krt_metric = {{ item.normal_priority }};
        if defined(bgp_local_pref) && bgp_local_pref <= {{ item.largest_priority }} then
          krt_metric = {{ item.largest_priority }} - bgp_local_pref;
      }
      accept;
    }

    protocol kernel kernel_{{ item.suffix }} {
      learn;
      persist;
      scan time 2;
      merge paths on;
      {{ item.name }} {
        import all;
        export filter kernel_export_{{ item.suffix }};
      };
    }

    protocol static static_{{ item.suffix }} {
      {{ item.name }};
    {% for block in item.block_statics %}
      route {{ block }} blackhole;
    {% endfor %}
    {% for route in item.peer_statics %}
      route {{ route.prefix }} via {{ route.gateway }};
    {% endfor %}
    }

    """#,
    "templates/peer.conf.stencil": #"""
    # Written by martlet; changes made here are lost.{# The speaker accepts a session on its local address alone where one is given, so bindMode needs no statement. #}
    protocol bgp {{ item.name }} {
      description "{{ item.description }}";
    {% if node.log_level == "debug" %}
      debug all;
    {% elif node.log_level == "info" %}
      debug { states };
    {% endif %}
      local{% if item.source_address %} {{ item.source_address }}{% endif %} port {{ item.local_port }} as {{ item.local_as }};
      neighbor {{ item.peer_address }} port {{ item.peer_port }} as {{ item.peer_as }};
    {% if item.ttl_security_hops %}
      multihop {{ item.ttl_security_hops }};
      ttl security;
    {% else %}
      multihop;
    {% endif %}
    {% if item.password %}
      password "{{ item.password }}";
    {% endif %}
    {% if item.passive %}
      passive;
    {% endif %}
      connect delay time 2;
      connect retry time 5;
      error wait time 5, 30;
    {% if item.keepalive_seconds %}
      keepalive time {{ item.keepalive_seconds }};
    {% endif %}
    {% if item.allowed_local_as %}
      allow local as {{ item.allowed_local_as }};
    {% endif %}
    {% if item.cluster_id %}
      rr client;
      rr cluster id {{ item.cluster_id }};
    {% endif %}
      {{ item.family }} {
    {% if item.next_hop == "self" %}
        next hop self;
    {% elif item.next_hop == "keep" %}
        next hop keep;
    {% endif %}
        gateway recursive;
        import filter import_{{ item.suffix }};
        export filter export_{% if item.internal %}internal{% else %}external{% endif %}_{{ item.suffix }};
      };
    }

    """#,
    "templates/speaker.conf.stencil": #"""
    # Written by martlet for node {{ node.name }}. Changes made here are lost.

    log stderr all;
    router id {{ node.router_id }};

    protocol device {
    {% if node.log_level == "debug" %}
      debug all;
    {% elif node.log_level == "info" %}
      debug { states };
    {% endif %}
      scan time 2;
    }

    # Workload interfaces give no direct routes: their addresses are routed by felix.
    protocol direct {
    {% if node.log_level == "debug" %}
      debug all;
    {% elif node.log_level == "info" %}
      debug { states };
    {% endif %}
      interface {%+ for item in node.direct_interfaces %}{% if item.excluded %}-{% endif %}"{{ item.pattern }}"{% if not forloop.last %}, {%+ endif %}{% endfor %};
      ipv4;
      ipv6;
    }

    {% for family in families %}
    include "{{ family.name }}.conf";
    {% endfor %}
    include "peers/*.conf";

    """#,
]
